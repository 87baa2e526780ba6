"""Errors say what is wrong and what to do."""

from datrnet.core.errors import ConfigError, DataError, UnknownNameError, nearest


def test_the_text_is_the_message_and_its_mend() -> None:
    error = DataError("The file is empty.", hint="Choose another.")
    assert str(error) == "The file is empty. Choose another."
    assert (error.message, error.hint, error.exit_code) == (
        "The file is empty.",
        "Choose another.",
        1,
    )


def test_wrong_names_and_settings_are_usage_errors() -> None:
    assert ConfigError("").exit_code == UnknownNameError("item", "x", []).exit_code == 2


def test_nearest_ignores_case_and_prefers_what_begins_alike() -> None:
    assert nearest("BLAK", ["Black", "Slacks", "White"]).startswith("Did you mean Black")
    codes = [str(number) for number in range(10_000, 30_000, 7)]
    assert nearest("1000x", codes).startswith("Did you mean 10007, 10000")


def test_without_a_near_name_the_first_few_are_listed() -> None:
    assert nearest("zzz", ["Black", "White"]) == "Known: Black, White."
    assert nearest("zzz", [str(number) for number in range(20)]).endswith("6, 7, ….")
    assert nearest("zzz", []) == "There are none yet."
