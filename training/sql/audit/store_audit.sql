-- Grain    one row: an audit
-- Writes   ops.audits
-- Params   audit_id, audited_at, service, log_position, is_clean, sentence, checks, code_version
insert into ops.audits (audit_id, audited_at, service, log_position, is_clean, sentence, checks, code_version)
values (
    %(audit_id)s, %(audited_at)s, %(service)s, %(log_position)s, %(is_clean)s, %(sentence)s, %(checks)s, %(code_version)s
)
