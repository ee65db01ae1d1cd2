"""Places of a stack name their plane after kind and number."""

from napari_pmrnet.proofreading.place import statuses_by_plane


def test_statuses_are_told_apart_by_plane() -> None:
    statuses = {
        ("nucleus", 7): "accepted",
        ("nucleus", 7, 2, 0): "accepted",
        ("missed", 1, 2, 0): "dismissed",
        ("nucleus", 7, 0, 2): "accepted",
    }
    apart = statuses_by_plane(statuses)
    assert set(apart) == {(), (2, 0), (0, 2)}
    assert set(apart[2, 0]) == {("nucleus", 7, 2, 0), ("missed", 1, 2, 0)}
    assert {k: v for part in apart.values() for k, v in part.items()} == statuses
