"""What a rank says when it stops, and what the driver makes of what several said."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest
import torch

from mapping_spark import logs
from mapping_spark.errors import ConfigError, ContractError, MappingSparkError, TrainingFault
from mapping_spark.training import launch
from mapping_spark.training.collective import Collective, One, RankLost


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A rank sets up its own process: its log and its threads."""
    threads = torch.get_num_threads()
    monkeypatch.setattr(logs, "configure", lambda: None)
    yield
    torch.set_num_threads(threads)


class Rank(One):
    """The only one, under the number of another; it remembers whether it left."""

    def __init__(self, rank: int) -> None:
        self.rank, self.has_left = rank, False

    def close(self) -> None:
        self.has_left = True


def said(capsys: pytest.CaptureFixture[str], rank: int, fault: Exception) -> str:
    """What a rank writes whose work raises the fault."""

    def work(collective: Collective) -> None:
        raise fault

    with pytest.raises(type(fault)):
        launch.run_rank(lambda: Rank(rank), work)
    return capsys.readouterr().err


LOST = RankLost("rank 0 of 3", "no answer from another rank in a sum", "every rank to answer in time", "Run again to resume.")
NAN = TrainingFault("epoch 0, step 2", "the loss of rank 2 is no finite number", "finite losses", "Lower the rate.")


@pytest.mark.parametrize(
    ("faults", "kind", "text"),
    [
        ([(0, LOST), (2, NAN)], TrainingFault, str(NAN)),  # a cause, though it was told later than a consequence
        ([(1, NAN), (0, ConfigError("a", "b", "c", "D."))], TrainingFault, str(NAN)),  # of two causes the first
        ([(1, ConfigError("a", "b", "c", "D."))], ConfigError, "a: b; expected c. D."),
        ([(1, ContractError("a", 'quotes " and {braces}', "c", "é\n2"))], ContractError, 'a: quotes " and {braces}; expected c. é\n2'),
        ([(2, ZeroDivisionError("division by zero"))], TrainingFault, "rank 2: ZeroDivisionError: division by zero; expected no fault"),
        ([(0, LOST), (1, LOST)], RankLost, "rank 0 of 3: no answer from another rank in a sum. it exited with 1; expected every rank"),
        ([], TrainingFault, "the launch of the ranks: it exited with 1; expected every rank to end by itself"),
    ],
)
def test_the_first_cause_is_raised_as_the_kind_it_was(
    capsys: pytest.CaptureFixture[str], faults: list[tuple[int, Exception]], kind: type[MappingSparkError], text: str
) -> None:
    heard = launch._Heard(io.StringIO())
    for rank, fault in faults:
        for line in said(capsys, rank, fault).splitlines(keepends=True):
            heard.write(f"[{rank}]<stderr>:{line}")
    cause = heard.cause("it exited with 1")
    assert type(cause) is kind
    assert str(cause).startswith(text)


def test_the_driver_is_told_once_and_passes_everything_else_on(capsys: pytest.CaptureFixture[str]) -> None:
    alarms: list[None] = []
    out = io.StringIO()
    heard = launch._Heard(out, at_fault=lambda: alarms.append(None))
    first, second = (said(capsys, rank, NAN) for rank in (1, 2))
    text = f"epoch 0\n{first}Traceback\n{second}half a li"
    assert heard.write(text) == len(text)
    assert out.getvalue() == "epoch 0\nTraceback\nhalf a li"
    assert (len(alarms), [told["rank"] for told in heard.told]) == (1, [1, 2])


def test_who_cannot_join_says_so_without_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    def join() -> Collective:
        raise OSError("no route to host")

    with pytest.raises(OSError, match="no route"):
        launch.run_rank(join, lambda collective: None)
    heard = launch._Heard(io.StringIO())
    heard.write(capsys.readouterr().err)
    assert str(heard.cause("")).startswith("rank -1: OSError: no route to host; expected no fault of its own")


def test_a_rank_leaves_after_its_work_and_not_after_a_fault(capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = Rank(0), Rank(1)
    assert launch.run_rank(lambda: good, lambda collective: [collective.rank, collective.size]) == [0, 1]
    assert (good.has_left, capsys.readouterr().err) == (True, "")
    with pytest.raises(ZeroDivisionError):
        launch.run_rank(lambda: bad, lambda collective: 1 // 0)
    assert not bad.has_left  # the others must not take it for one that is done


def test_a_line_of_the_log_that_is_no_record_is_shown_as_it_is_on_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    record, terminal = {"at": "now", "level": "info", "message": 'says "{x}"'}, Terminal()
    heard = launch._Heard(terminal)
    for line in (f"[1]<stdout>:{json.dumps(record)}\n", "{'a': 1}\n"):
        heard.write(line)
    assert terminal.getvalue().splitlines() == ['says "{x}"', "{'a': 1}"]


def test_one_process_is_the_only_rank() -> None:
    assert launch.in_one_process(lambda collective: [collective.rank, collective.size, collective.gather("é")]) == [0, 1, ["é"]]
