"""The command line: what it prints, and one line with exit code 2 for what it cannot read."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from gdlearn.__main__ import main

pytest.importorskip("sympy")

WORKED = """\
f(x, y) = x**2*y + sin(x*y)

    linearity: sum
        d/dx[x**2*y + sin(x*y)] = d/dx[x**2*y] + d/dx[sin(x*y)]
    linearity: constant factor
        d/dx[x**2*y] = y*d/dx[x**2]
    power rule
        d/dx[x**2] = 2*x
    chain rule, d sin(u)/du = cos(u)
        d/dx[sin(x*y)] = cos(x*y)*d/dx[x*y]
    linearity: constant factor
        d/dx[x*y] = y*d/dx[x]
    identity
        d/dx[x] = 1
df/dx = 2*x*y + y*cos(x*y)

    linearity: sum
        d/dy[x**2*y + sin(x*y)] = d/dy[x**2*y] + d/dy[sin(x*y)]
    linearity: constant factor
        d/dy[x**2*y] = x**2*d/dy[y]
    chain rule, d sin(u)/du = cos(u)
        d/dy[sin(x*y)] = cos(x*y)*d/dy[x*y]
    linearity: constant factor
        d/dy[x*y] = x*d/dy[y]
    identity
        d/dy[y] = 1
df/dy = x**2 + x*cos(x*y)

domain: everywhere

at x = 1, y = 2
f = 2.909297427
df/dx = 3.167706327
df/dy = 0.5838531635
steepest ascent: along (0.9834, 0.1813), at a rate of 3.221063161
finite differences agree: relative error """


EXAMPLE = ["x**2*y + sin(x*y)", "--at", "x=1", "y=2", "--steps"]


def test_the_worked_example(capsys):
    main(EXAMPLE)
    printed = capsys.readouterr()
    assert printed.out.startswith(WORKED)
    assert not printed.err


@pytest.mark.slow  # starts Python
def test_the_worked_example_in_a_terminal():
    done = subprocess.run([sys.executable, "-m", "gdlearn", *EXAMPLE], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(WORKED)
    assert not done.stderr
    assert done.stdout.isascii()


def test_domain_kinks_and_a_leading_minus(capsys):
    main(["-abs(x)*ln(y)", "--variables", "y", "x", "--at", "x=-1", "y = pi/2"])
    assert capsys.readouterr().out.splitlines()[:9] == [
        "f(y, x) = -ln(y)*abs(x)",
        "df/dy = -abs(x)/y",
        "df/dx = -ln(y)*sign(x)",
        "domain: y > 0",
        "the rules for derivatives need besides: x != 0",
        "",
        "at y = 1.570796327, x = -1",
        "f = -0.4515827053",
        "df/dy = -0.6366197724",
    ]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["x^^2"], 'Expected a number, a name or "(" instead of "^" (column 3).'),
        (["-x + )"], 'instead of ")" (column 6)'),
        (["__import__('os')"], "(column 1)"),
        (["ln(x)", "--at", "x=-1"], "ln(x) needs x > 0, and x = -1."),
        (["abs(x)", "--at", "x=0"], "abs(x) is differentiable for x != 0, and x = 0."),
        (["x*y", "--at", "x=1"], "--at has no value for y."),
        (["x", "--at", "y=1"], "--at takes one value for each variable, x=...; got 'y=1'."),
        (["x", "--at", "x=1", "x=2"], "got 'x=2'"),
        (["x", "--at", "x"], "got 'x'"),
        (["x", "--at", "x=two"], '"two" is not one of the variables'),
        (["x", "--at", "x=1e999"], "not a finite real number"),
        (["x", "--variables", "x", "x"], "variables must differ"),
        (["x*y", "--at", "x=1,y=2"], "--at takes its assignments separated by spaces, x=1 y=2; got 'x=1,y=2'."),
        (["x", "--at", "x=1/0"], "--at x=1/0: a number is needed."),
        (["x", "--at", "x=nan"], "--at x=nan: a number is needed."),
        (["x*y", "--at", "y=1", "x=y"], "--at x=y: a number is needed."),
        (["x", "--at", "x=1", "--at", "x=2"], "got 'x=2'"),
        (["--at", "x=1", "x"], 'the function comes first, as in "x*y" --at x=1 y=2'),
        (
            ["x**2", "+", "y**2", "--at", "x=1"],
            'quote the function, so that the shell passes it on as one text: "x**2 + ',
        ),
        (["x", "-", "y"], 'as one text: "x - y"'),
        (["-x", "-y"], 'as one text: "-x -y"'),
        (["5", "--at", "x=1"], "and f has none"),
        (["5", "--at"], "expected at least one argument"),
        ([], "the following arguments are required: expression"),
        (["x", "--foo"], "unrecognized arguments"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, says, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    printed = capsys.readouterr()
    assert stop.value.code == 2
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert says in printed.err


def test_other_ways_to_say_it(capsys):
    expected = ["f(x, y) = -x*y", "at x = -1, y = 2", "f = 2"]
    for arguments in (
        ["-x*y", "--at", "x=-1", "--at", "y=2"],
        ["--at=x=-1", "-x*y", "--at", "y=2"],
        ["--at", "y=2", "x=-1", "--", "-x*y"],
    ):
        main(arguments)
        assert [line for line in capsys.readouterr().out.splitlines() if line in expected] == expected


def test_overflow_is_no_warning(capsys):
    main(["1e200*x + 1e308*y + 1e308*z", "--at", "x=1", "y=0.1", "z=0.1"])
    assert not capsys.readouterr().err


@pytest.mark.slow  # each starts Python
@pytest.mark.parametrize("closed", ["> /dev/full", ">&-"])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written(closed):
    command = f"{shlex.quote(sys.executable)} -m gdlearn x {closed}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("python -m gdlearn: the output cannot be written: ")
    assert done.stderr.count("\n") == 1


def test_what_finite_differences_cannot_measure_is_said(capsys):
    main(["1/(1 + exp(-x)) + y^2", "--at", "x=40", "y=3"])
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("finite differences cannot measure df/dx here: rounding or noise in f moves them by ")
