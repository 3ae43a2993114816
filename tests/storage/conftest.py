import pytest
from run_files import KINDS, write_run_file


@pytest.fixture(scope="session")
def run_files(tmp_path_factory):
    """A file of each kind, by its name."""
    folder = tmp_path_factory.mktemp("run_files")
    return {kind: write_run_file(kind, folder) for kind in KINDS}


@pytest.fixture(params=KINDS)
def run_file(request, run_files):
    return run_files[request.param]
