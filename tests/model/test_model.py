"""The model: each Change has one meaning, and `as_changes` is the inverse of `apply`."""

from amp.kit.ids import EntityId, TaskId
from amp.model import changes as c
from amp.model.model import TASKS_KEPT, Model, built

APP = c.EntityAdded(id="app", type="t.App", name="shop", application="app", blueprint="name: shop", created_ms=5)
WEB = c.EntityAdded(id="web", type="t.Web", name="web", application="app", parent="app", config={"a": 1})


def same(left: Model, right: Model) -> bool:
    return list(left.as_changes()) == list(right.as_changes()) and left.entities == right.entities


def test_children_know_their_parents_and_go_with_them() -> None:
    model = built([APP, WEB])
    assert model.entities["app"].children == ("web",)
    model.apply(c.EntityRemoved("app"))
    assert model.entities == {}


def test_changes_about_what_is_gone_do_nothing() -> None:
    model = Model()
    for change in [
        WEB,
        c.EntityRemoved("x"),
        c.EntityRenamed("x", "y"),
        c.ConfigSet("x", "k", 1),
        c.SensorSet("x", "s", 1),
        c.SensorCleared("x", "s"),
        c.TaskEnded("t", "completed"),
        c.EntityLocated("x", ["l"]),
        c.TagsSet("x", [1]),
        c.LocationRemoved("l"),
    ]:
        model.apply(change)
    assert same(model, Model())


def test_a_snapshot_builds_the_same_model() -> None:
    model = built(
        [
            c.LocationAdded("l", "t.Localhost", "localhost", "localhost"),
            APP,
            WEB,
            c.EntityLocated("web", ["l"]),
            c.ConfigSet("web", "b", [1, {"c": None}]),
            c.SensorSet("web", "service.isUp", True),
            c.SensorSet("web", "gone", 1),
            c.SensorCleared("web", "gone"),
            c.TagsSet("app", ["x"]),
            c.EntityRenamed("web", "web-2"),
            c.TaskStarted("t1", "app", "start"),
            c.TaskStarted("t2", "web", "start", parent="t1"),
            c.TaskEnded("t2", "completed", 9, result="ok"),
            c.AccessSet(False),
        ]
    )
    again = built(model.as_changes())
    assert same(model, again)
    assert again.tasks["t1"].children == ("t2",)
    assert again.tasks_of == model.tasks_of


def test_old_ended_tasks_are_forgotten_but_running_ones_never() -> None:
    model = built([APP, c.TaskStarted("slow", "app", "start")])
    for n in range(TASKS_KEPT + 5):
        model.apply(c.TaskStarted(f"t{n}", "app", "poke"))
        model.apply(c.TaskEnded(f"t{n}", "completed"))
    assert len(model.tasks) == TASKS_KEPT
    assert model.tasks["slow"].status == "running"
    assert f"t{TASKS_KEPT + 4}" in model.tasks


def test_parts_of_a_task_go_with_the_whole_and_are_not_counted() -> None:
    model = built([APP, WEB])
    for n in range(TASKS_KEPT + 1):
        model.apply(c.TaskStarted(f"t{n}", "app", "start"))
        model.apply(c.TaskStarted(f"p{n}", "web", "part", parent=f"t{n}"))
        model.apply(c.TaskStarted(f"q{n}", "web", "part of a part", parent=f"p{n}"))
        for task in (f"q{n}", f"p{n}", f"t{n}"):
            model.apply(c.TaskEnded(task, "completed"))
    assert not {"t0", "p0", "q0"} & model.tasks.keys()
    assert len(model.tasks) == 3 * TASKS_KEPT
    assert same(model, built(model.as_changes()))


def test_steps_are_told_once_and_kept_in_a_snapshot() -> None:
    model = Model()
    task, e = TaskId("t"), EntityId("e")
    for change in (
        c.EntityAdded(e, "T", "e", e),
        c.TaskStarted(task, e, "install", work={"do": "forget", "stop": True}),
        c.StepStarted(task, "how", "pure"), c.StepEnded(task, "how", outcome="anew"),
        c.StepStarted(task, "one", "once", "a", 1, at_ms=5, host="h", turn="k", env={"A": "*"}, on_interrupt="rerun"),
        c.StepStarted(task, "one", node="b", term=2),  # told twice: the first holds
        c.StepEnded(task, "one", "interrupted", 7, {"exit": None}, "out", "err"),
        c.StepEnded(task, "one", "completed", 9),
        c.TaskResumed(task, "b", 2, 8),
        c.StepStarted(task, "two", node="b", term=2),
        c.StepStarted(TaskId("gone"), "x"), c.StepEnded(TaskId("gone"), "x"), c.TaskResumed(TaskId("gone")),
    ):  # fmt: skip
        model.apply(change)
    how, one, two = model.tasks[task].steps
    assert (how.kind, how.outcome) == ("pure", "anew")
    assert (one.status, one.term, one.ended_ms, one.stdout, one.stderr) == ("interrupted", 1, 7, "out", "err")
    assert (two.status, two.term, two.ended_ms) == ("running", 2, None)
    again = built(model.as_changes())
    assert again.tasks == model.tasks
    assert same(model, again)
    model.apply(c.TaskEnded(task, "completed", 10))
    model.apply(c.TaskResumed(task, "c", 3, 11))  # what has ended does not go on
    assert [each.node for each in model.tasks[task].resumed] == ["b"]


def test_tasks_of_what_is_gone_are_kept_for_a_while() -> None:
    model = Model()
    for n in range(TASKS_KEPT + 5):
        app = f"app{n}"
        model.apply(c.EntityAdded(app, "t.App", app, app))
        model.apply(c.TaskStarted(f"old{n}", app, "start"))
        model.apply(c.TaskEnded(f"old{n}", "completed"))
        model.apply(c.TaskStarted(f"t{n}", app, "destroying"))
        model.apply(c.TaskStarted(f"s{n}", app, "stop", parent=f"t{n}"))
        model.apply(c.TaskEnded(f"s{n}", "completed"))
        model.apply(c.EntityRemoved(app))
        model.apply(c.TaskEnded(f"t{n}", "completed"))
    assert list(model.tasks) == [f"t{n}" for n in range(5, TASKS_KEPT + 5)]
    assert model.tasks[f"t{TASKS_KEPT}"].children == ()
    assert same(model, built(model.as_changes()))


def test_reset_empties_the_model() -> None:
    model = built([APP, WEB, c.AccessSet(False), c.PlaneReset()])
    assert same(model, Model())
