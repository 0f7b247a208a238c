"""The errors that Twilio's API answers with, word for word where its clients may look."""

import json
from dataclasses import dataclass

_MORE_INFO = "https://www.twilio.com/docs/errors/"
ERROR_MESSAGES = {
    21610: "Attempt to send to unsubscribed recipient",
    30003: "Unreachable destination handset",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Message filtered",
    30036: "Validity Period Expired",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error answer: HTTP status, Twilio's code and its sentence."""

    status: int
    code: int
    message: str

    def body(self) -> bytes:
        """Return the JSON that goes over the wire."""
        fields = {
            "code": self.code,
            "message": self.message,
            "more_info": f"{_MORE_INFO}{self.code}",
            "status": self.status,
        }
        return json.dumps(fields, separators=(", ", ": ")).encode()


UNAUTHENTICATED = Refusal(401, 20003, "Authenticate")
TOO_MANY_REQUESTS = Refusal(429, 20429, "Too Many Requests")
BROKEN = Refusal(500, 20500, "An internal server error has occurred")
TO_MISSING = Refusal(400, 21604, "A 'To' phone number is required.")
FROM_MISSING = Refusal(400, 21603, "A 'From' phone number is required.")
BODY_MISSING = Refusal(400, 21602, "Message body is required.")
BODY_TOO_LONG = Refusal(400, 21617, "The concatenated message body exceeds the 1600 character limit.")
UNSUBSCRIBED = Refusal(400, 21610, ERROR_MESSAGES[21610])
BAD_VALIDITY = Refusal(400, 21624, "The ValidityPeriod must be a whole number of seconds from 1 to 36000.")
SAME_NUMBERS = Refusal(400, 21266, "'To' and 'From' number cannot be the same.")
TOO_MANY_MEDIA = Refusal(400, 21623, "Number of media files exceeds allowed limit.")
NOT_CANCELABLE = Refusal(409, 30409, "The message is not scheduled, so it cannot be canceled.")
SEND_AT_MISSING = Refusal(400, 35111, "SendAt cannot be empty for ScheduleType 'fixed'.")
SEND_AT_OUT_OF_RANGE = Refusal(400, 35114, "SendAt time must be between 300 seconds and 35 days in the future.")
SERVICE_NEEDED = Refusal(400, 35118, "MessagingServiceSid is required to schedule a message.")


def bad_to(number: str) -> Refusal:
    """Say that a recipient's number is no phone number; Twilio hides its last digits."""
    return Refusal(400, 21211, f"Invalid 'To' Phone Number: {number[:-4]}XXXX")


def bad_from(number: str) -> Refusal:
    """Say that a sender isn't a number at all."""
    sentence = f"The 'From' number {number} is not a valid phone number, shortcode, or alphanumeric sender ID."
    return Refusal(400, 21212, sentence)


def foreign_from(number: str) -> Refusal:
    """Say that a sender doesn't belong to the account."""
    sentence = (
        f"The 'From' phone number {number} is not a valid, SMS-capable inbound phone number "
        "or short code for your account."
    )
    return Refusal(400, 21606, sentence)


def bad_service(sid: str) -> Refusal:
    """Say that there is no such messaging service."""
    return Refusal(404, 21701, f"The Messaging Service {sid} does not exist.")


def bad_callback(url: str) -> Refusal:
    """Say that a status callback can't be posted to."""
    return Refusal(400, 21609, f"The StatusCallback URL {url[:200]} is not a valid URL.")


def bad_parameter(name: str) -> Refusal:
    """Say that a parameter can't be read."""
    return Refusal(400, 20422, f"Invalid Parameter: {name}")


def not_found(path: str) -> Refusal:
    """Say that there is no such resource."""
    return Refusal(404, 20404, f"The requested resource {path} was not found")


def method_not_allowed(method: str) -> Refusal:
    """Say that a resource doesn't take a method."""
    return Refusal(405, 20004, f"Method not allowed: {method}")
