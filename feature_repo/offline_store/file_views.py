"""Views of the user's own that read files: Feast's own store for files does all of their work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from feast import FileSource

from feature_repo.errors import RowsUnfit
from feature_repo.feast_internals import with_offline_settings

if TYPE_CHECKING:
    from feast import FeatureView, RepoConfig
    from feast.infra.offline_stores.dask import DaskOfflineStore

_Method = TypeVar("_Method", bound=Callable[..., Any])


def is_file_source(source: Any) -> bool:
    """Whether a source is a file."""
    return isinstance(source, FileSource)


def all_read_files(views: Sequence[FeatureView]) -> bool:
    """Whether the views read files. Raises RowsUnfit when some do and others do not: nothing joins the two."""
    by_file = [view.name for view in views if is_file_source(view.batch_source)]
    if by_file and len(by_file) < len(views):
        others = [view.name for view in views if view.name not in by_file]
        raise RowsUnfit(
            f"{', '.join(by_file)} read files and {', '.join(others)} do not: one retrieval cannot join them",
            "Nothing was read",
            "Retrieve them one after the other, or load the files into Postgres and give the views a PostgreSQLSource",
        )
    return bool(by_file)


def file_store() -> type[DaskOfflineStore]:
    """Feast's store for files. Importing it takes a second, which nobody without files should wait."""
    from feast.infra.offline_stores.dask import DaskOfflineStore

    return DaskOfflineStore


def file_store_config(config: RepoConfig) -> RepoConfig:
    """The same configuration with Feast's store for files."""
    from feast.infra.offline_stores.dask import DaskOfflineStoreConfig

    return with_offline_settings(config, DaskOfflineStoreConfig())


def files_by_feast(method: _Method) -> _Method:
    """A method of the offline store, (config, data_source, ...), that leaves sources which are files to Feast's own."""

    @wraps(method)
    def read(config: RepoConfig, data_source: Any, *args: Any, **kwargs: Any) -> Any:
        if is_file_source(data_source):
            of_files = getattr(file_store(), method.__name__)
            return of_files(file_store_config(config), data_source, *args, **kwargs)
        return method(config, data_source, *args, **kwargs)

    return cast(_Method, read)
