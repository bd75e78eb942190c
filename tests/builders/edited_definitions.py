"""The definitions as they would be after an edit of the source files that they come from."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from tests.conftest import REPOSITORY

DECLARED, VIEWS = "feature_repo/declarations/features.py", "feature_repo/declarations/views.py"
DEFINED = "ingestion/features/feature_definitions.py"
# In the order of their imports.
_FILES = (DECLARED, VIEWS, DEFINED)


def definitions_after(*edits: tuple[str, str, str], called: str | None = None) -> dict[str, dict[str, str]]:
    """View -> feature -> the digest of its definition, after edits of files: each file, the text, and what replaces it.

    `called` is the name of the module that defines, where that moved. Fails where a file has no such text.
    """
    with pytest.MonkeyPatch.context() as patch:
        for file in _FILES:
            source = (REPOSITORY / file).read_text(encoding="utf-8")
            for _, old, new in [edit for edit in edits if edit[0] == file]:
                assert old in source, f"{file} has no {old}"
                source = source.replace(old, new)
            name = called if called and file == DEFINED else file.removesuffix(".py").replace("/", ".")
            module = ModuleType(name)
            patch.setitem(sys.modules, name, module)
            exec(compile(source, name, "exec"), module.__dict__)
        definitions = module.feature_definitions() | module.on_demand_definitions()
    return {
        view: {feature: definition.digest for feature, definition in features.items()}
        for view, features in definitions.items()
    }
