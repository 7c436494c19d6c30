"""The command line: what it prints, and one line with exit code 2 for what it cannot read."""

import subprocess
import sys

import pytest

from gdlearn.__main__ import main

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


def test_the_worked_example():
    command = [sys.executable, "-m", "gdlearn", "x**2*y + sin(x*y)", "--at", "x=1", "y=2", "--steps"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
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
        "not differentiable unless: x != 0",
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


def test_without_sympy_the_extra_is_named():
    code = "import sys; sys.modules['sympy'] = None; from gdlearn.__main__ import main; main(['x'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == 'python -m gdlearn: gdlearn.symbolic needs SymPy: pip install "gdlearn[symbolic]"\n'
