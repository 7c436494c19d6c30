"""The command line: what it prints, and one line with exit code 2 for what it cannot read."""

import os
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
        ∂/∂x[x**2*y + sin(x*y)] = ∂/∂x[x**2*y] + ∂/∂x[sin(x*y)]
    linearity: constant factor
        ∂/∂x[x**2*y] = y*∂/∂x[x**2]
    power rule
        ∂/∂x[x**2] = 2*x
    chain rule with u = x*y, d/du[sin(u)] = cos(u)
        ∂/∂x[sin(x*y)] = cos(x*y)*∂/∂x[x*y]
    linearity: constant factor
        ∂/∂x[x*y] = y*∂/∂x[x]
    identity
        ∂/∂x[x] = 1
    put together
        ∂/∂x[x**2*y + sin(x*y)] = y*2*x + cos(x*y)*y*1
    simplify
        2*x*y + y*cos(x*y)
∂f/∂x = 2*x*y + y*cos(x*y)

    linearity: sum
        ∂/∂y[x**2*y + sin(x*y)] = ∂/∂y[x**2*y] + ∂/∂y[sin(x*y)]
    linearity: constant factor
        ∂/∂y[x**2*y] = x**2*∂/∂y[y]
    chain rule with u = x*y, d/du[sin(u)] = cos(u)
        ∂/∂y[sin(x*y)] = cos(x*y)*∂/∂y[x*y]
    linearity: constant factor
        ∂/∂y[x*y] = x*∂/∂y[y]
    identity
        ∂/∂y[y] = 1
    put together
        ∂/∂y[x**2*y + sin(x*y)] = x**2*1 + cos(x*y)*x*1
    simplify
        x**2 + x*cos(x*y)
∂f/∂y = x**2 + x*cos(x*y)

domain: everywhere

at x = 1, y = 2
f = 2.909297427
∂f/∂x = 3.167706327
∂f/∂y = 0.5838531635
steepest ascent: along (0.9834, 0.1813), at a rate of 3.221063161
finite differences agree: relative error """


EXAMPLE = ["x**2*y + sin(x*y)", "--at", "x=1", "y=2", "--steps"]


def test_the_worked_example(capsys):
    main(EXAMPLE)
    printed = capsys.readouterr()
    assert printed.out.startswith(WORKED)
    assert not printed.err


@pytest.mark.slow  # starts Python
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252"])
def test_the_worked_example_in_a_terminal(encoding):
    command, settings = [sys.executable, "-m", "gdlearn", *EXAMPLE], os.environ | {"PYTHONIOENCODING": encoding}
    done = subprocess.run(command, capture_output=True, env=settings, encoding=encoding, check=True)
    assert done.stdout.startswith(WORKED if encoding == "utf-8" else WORKED.replace("∂", "d"))
    assert not done.stderr


@pytest.mark.slow  # starts Python
@pytest.mark.parametrize(
    ("arguments", "prints", "says"),
    [
        (["theta^2*y", "--at", "theta=1", "y=2"], "df/dtheta = 2*theta*y", ""),
        (["θ^2*y", "--at", "θ=1", "y=2"], "df/dtheta = 2*theta*y", ""),
        (["sqrt(Ω)", "--at", "Ω=-1"], "domain: Omega >= 0", "sqrt(Omega) needs Omega >= 0, and Omega = -1."),
        (["θ^2 )"], "", '")"'),
        (["xⁿ"], "", r"\u207f"),
    ],
)
def test_a_terminal_without_greek_letters(arguments, prints, says):
    command, settings = [sys.executable, "-m", "gdlearn", *arguments], os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, env=settings, encoding="ascii", check=False)
    assert prints in done.stdout
    assert says in done.stderr
    assert (done.returncode, "Traceback" in done.stderr) == (2 if says else 0, False)


def test_constants(capsys):
    main(["a*x^n + b", "--constants", "a=2", "n=3", "--constants", "b=pi", "--at", "x=2", "--steps"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["f(x) = a*x**n + b", "held constant: a = 2, n = 3, b = 3.141592654"]
    assert any(line.endswith(("a, n held constant", "a held constant")) for line in lines)
    assert "domain: everywhere" in lines  # that of x^3
    assert lines[-4:-2] == ["f = 19.14159265", "df/dx = 24"]


def test_domain_kinks_and_a_leading_minus(capsys):
    main(["-abs(x)*ln(y)", "--variables", "y", "x", "--at", "x=-1", "y = pi/2"])
    assert capsys.readouterr().out.splitlines()[:9] == [
        "f(y, x) = -abs(x)*ln(y)",
        "∂f/∂y = -abs(x)/y",
        "∂f/∂x = -ln(y)*sign(x)",
        "domain: y > 0",
        "the rules for derivatives need besides: x != 0",
        "",
        "at y = 1.570796327, x = -1",
        "f = -0.4515827053",
        "∂f/∂y = -0.6366197724",
    ]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["x^^2"], 'Expected a number, a name or "(" instead of "^" (column 3).'),
        (["-x + )"], 'instead of ")" (column 6)'),
        (["__import__('os')"], "(column 1)"),
        (["x*y", "--at", "x=1"], "--at has no value for y."),
        (["x", "--at", "y=1"], "--at takes one value for each variable, x=...; got 'y=1'."),
        (["x", "--at", "x=1", "x=2"], "got 'x=2'"),
        (["x", "--at", "x"], "got 'x'"),
        (["a*x", "--constants", "a"], "--constants takes one value for each name, as in a=2; got 'a'."),
        (["a*x", "--constants", "a=2", "a=3"], "as in a=2; got 'a=3'"),
        (["a*x", "--constants", "a=q"], "--constants a=q: a number is needed."),
        (["a*x", "--constants", "a=2,b=3"], "separated by spaces, a=2 b=3"),
        (["a*x", "--constants", "2a=3"], "'2a' cannot be the name of a constant."),
        (["a*x", "--variables", "a", "x", "--constants", "a=3"], "'a' is a variable."),
        (["x", "--at", "x=two"], '"two" is not one of the variables'),
        (["f(y, x) = θ x"], '"θ" is not one of the variables: y, x (column 11).'),
        (["xⁿ"], 'The character "ⁿ" (SUPERSCRIPT LATIN SMALL LETTER N) has no meaning here: write ^n (column 2).'),
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


@pytest.mark.parametrize(
    ("arguments", "last_lines", "reason"),
    [
        (["ln(x)", "--at", "x=-1"], ["domain: x > 0", "", "at x = -1"], "ln(x) needs x > 0, and x = -1."),
        (
            ["abs(x)*y", "--at", "x=0", "y=2"],
            ["the rules for derivatives need besides: x != 0", "", "at x = 0, y = 2", "f = 0", "∂f/∂y = 0"],
            "abs(x) is differentiable for x != 0, and x = 0, y = 2.",
        ),
        (["exp(x)", "--at", "x=1000"], ["", "at x = 1000"], "exp(x) is too large for float64 at x = 1000."),
        (
            ["1.7e308*x + 1.7e308*y", "--at", "x=0", "y=0"],
            ["f = 0", "∂f/∂x = 1.7e+308", "∂f/∂y = 1.7e+308"],
            "The rate is too large for float64.",
        ),
    ],
)
def test_where_something_is_missing_what_exists_comes_before_the_reason(arguments, last_lines, reason, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    printed = capsys.readouterr()
    assert stop.value.code == 2
    lines = printed.out.splitlines()
    assert lines[0].startswith("f(x")
    assert lines[1].startswith(("df/dx = ", "∂f/∂x = "))
    assert lines[-len(last_lines) :] == last_lines
    assert printed.err == f"python -m gdlearn: {reason}\n"


def test_minus_zero_is_zero(capsys):
    main(["-x*y - y/1e9", "--at", "x=-0", "y=0"])
    main(["y - x/1e9", "--at", "x=-0", "y=-0"])
    printed = capsys.readouterr().out
    assert "at x = 0, y = 0\nf = 0\n∂f/∂x = 0\n" in printed
    assert "along (0.0000, 1.0000)" in printed
    assert "-0\n" not in printed


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
    assert last.startswith("finite differences cannot measure ∂f/∂x here: rounding or noise in f moves them by ")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("2xy", ["f(xy) = 2*xy", 'note: "xy" was read as one variable; for the product write x*y.', "df/dxy = 2"]),
        ("y*exp(-x^2)", ["f(x, y) = y*exp(-x**2)", "note: The variables are in alphabetical order: x, y."]),
        ("f(y, x) = |x| y", ["f(y, x) = abs(x)*y", "∂f/∂y = abs(x)"]),
    ],
)
def test_how_a_text_was_read_is_said(text, lines, capsys):
    main([text])
    printed = capsys.readouterr()
    assert printed.out.splitlines()[: len(lines)] == lines
    assert not printed.err


LOADED = """
import sys
from gdlearn.__main__ import main
main(sys.argv[1:])
print([m for m in ("sklearn", "scipy") if m in sys.modules])
"""


@pytest.mark.parametrize("arguments", [["x**2*y + sin(x*y)", "--steps"], ["ln(x)/y", "--variables", "y", "x"]])
def test_formulas_start_without_scikit_learn_and_scipy(arguments):
    done = subprocess.run([sys.executable, "-c", LOADED, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_function_of_one_variable_is_written_with_d(capsys):
    main(["5x + 3x^2 - tan(x)", "--at", "x=1", "--steps"])
    lines = capsys.readouterr().out.splitlines()
    assert "∂" not in "".join(lines)
    assert lines[0] == "f(x) = 5*x + 3*x**2 - tan(x)"
    last = lines.index("    put together")
    assert lines[last + 1 : last + 5] == [
        "        d/dx[5*x + 3*x**2 - tan(x)] = 5*1 + 3*2*x - sec(x)**2",
        "    simplify",
        "        5 + 6*x - sec(x)**2",
        "df/dx = 5 + 6*x - sec(x)**2",
    ]


def test_what_needs_no_simplification_is_not_simplified(capsys):
    main(["x^2*sin(x)", "--steps"])
    assert "simplify" not in capsys.readouterr().out
