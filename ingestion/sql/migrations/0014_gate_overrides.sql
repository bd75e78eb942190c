-- Who published over a refusal, and the bets behind a verdict.

alter table ops.gates
    add column overridden_by jsonb,
    add check (state = 'overridden' or overridden_by is null);

comment on column ops.gates.overridden_by is
    'Who overrode it: os_user, host, and ci_actor where CI told one. Null for refreshes that passed, were refused, or were '
    'overridden before this was kept.';

alter table ops.gate_results add column examples text[] not null default '{}';

comment on column ops.gate_results.examples is
    'Ids of a few bets behind the value of a check that failed or warned, where its query names bets.';
