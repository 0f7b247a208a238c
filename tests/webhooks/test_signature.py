"""Our check of a signature accepts what the SDK's accepts, and nothing else."""

from collections import defaultdict
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator, get_signature_algorithm  # type: ignore[import-untyped]  # ships no annotations

from webhooks.signature import algorithm, is_genuine

Pairs = list[tuple[str, str]]
TOKENS = ("the-token", "the-token-before")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
names = st.sampled_from(["Body", "From", "To", "body", "MessageSid", "é", ""]) | texts
forms = st.lists(st.tuples(names, texts | st.just("")), max_size=8)
urls = st.builds(
    "{}://{}{}{}{}".format,
    st.sampled_from(["https", "http"]),
    st.sampled_from(["blast.example.org", "127.0.0.1"]),
    st.sampled_from(["", ":443", ":80", ":8443"]),
    st.sampled_from(["/twilio/status", "/a%20b/twilio/inbound", "/é"]),
    st.sampled_from(["", "?delivery=1&attempt=2", "?a=&a=1&b=%C3%A9", "?x=a?b/c"]),
)
algorithms = st.sampled_from(["HMAC_SHA1", "HMAC_SHA256"])


class Form:
    """A form as web frameworks hand it to the SDK: names with one or more values."""

    def __init__(self, pairs: Pairs) -> None:
        self._values: defaultdict[str, list[str]] = defaultdict(list)
        for name, value in pairs:
            self._values[name].append(value)

    def __iter__(self):  # type: ignore[no-untyped-def]  # the SDK asks no more of it
        return iter(self._values)

    def __bool__(self) -> bool:
        return bool(self._values)

    def getlist(self, name: str) -> list[str]:
        return self._values[name]


def header(name: str) -> str:
    return "" if name == "HMAC_SHA1" else f"key=webhooks_sharedkey_1,algorithm={name}"


def sdk_accepts(url: str, pairs: Pairs, signature: str, tokens: Sequence[str], name: str) -> bool:
    return any(RequestValidator(token).validate(url, Form(pairs), signature, name) for token in tokens)


@given(url=urls, pairs=forms, token=st.sampled_from([*TOKENS, "a stranger's"]), name=algorithms, via=urls)
@example(
    "https://blast.example.org/",
    [("a", "2"), ("a", "1"), ("a", "1")],
    TOKENS[1],
    "HMAC_SHA256",
    "https://blast.example.org:443/",
)
def test_we_accept_what_the_sdk_accepts(url: str, pairs: Pairs, token: str, name: str, via: str) -> None:
    for signed_url in (url, via):
        signature = RequestValidator(token).compute_signature(signed_url, Form(pairs), name)
        ours = is_genuine(url, pairs, signature=signature, tokens=TOKENS, settings=header(name))
        assert ours == sdk_accepts(url, pairs, signature, TOKENS, name)


@given(url=urls, pairs=forms, token=st.sampled_from(TOKENS), name=algorithms)
def test_we_accept_what_was_signed_with_either_token(url: str, pairs: Pairs, token: str, name: str) -> None:
    signature = RequestValidator(token).compute_signature(url, Form(pairs), name)
    assert is_genuine(url, pairs, signature=signature, tokens=TOKENS, settings=header(name))


@given(url=urls, pairs=forms, more=st.tuples(names, texts))
def test_one_more_field_is_noticed(url: str, pairs: Pairs, more: tuple[str, str]) -> None:
    signature = RequestValidator(TOKENS[0]).compute_signature(url, Form(pairs))
    changed = [*pairs, more]
    assert is_genuine(url, changed, signature=signature, tokens=TOKENS) == sdk_accepts(
        url, changed, signature, TOKENS, "HMAC_SHA1"
    )


@given(signature=st.text(max_size=40))
def test_any_other_text_is_no_signature(signature: str) -> None:
    assert not is_genuine("https://blast.example.org/", [("a", "b")], signature=signature, tokens=TOKENS)


def test_an_algorithm_that_we_do_not_know_is_refused() -> None:
    signature = RequestValidator(TOKENS[0]).compute_signature("https://blast.example.org/", {})
    assert not is_genuine(
        "https://blast.example.org/", [], signature=signature, tokens=TOKENS, settings="algorithm=HMAC_MD5"
    )


@pytest.mark.parametrize(
    "settings", ["", "key=a", "algorithm=", "key=a,algorithm=HMAC_SHA256", " algorithm = X ,algorithm=Y", "algorithm"]
)
def test_we_read_the_algorithm_as_the_sdk_does(settings: str) -> None:
    assert algorithm(settings) == get_signature_algorithm(settings)
