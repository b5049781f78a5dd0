"""Coverage-guided fuzzing of everything that reads bytes from outside (atheris, libFuzzer).

    make fuzz                             10 minutes over all targets (SECONDS=N, TARGETS="probe elf")
    python -m tests.fuzz TARGET FILE      replay one input, without atheris

A target is a function of bytes that fails by an assertion or by an exception that is not ours. In `make test` each is
fuzzed for some seconds (test_fuzz.py). What a run finds becomes a literal in tests/unit/core/test_properties_found.py.
"""
