"""What else the product may look up: the account itself and the numbers that it owns."""

from hashlib import md5

from sandbox.twilio.account import Account
from sandbox.twilio.calls import ENDED_PATH, VOICE_PATH
from sandbox.twilio.inbound import INBOUND_PATH
from sandbox.twilio.resource import API_VERSION


def find(account: Account, path: str) -> dict[str, object] | None:
    """Return the resource at a path below the account's own, or None."""
    if path == ".json":
        return _account(account)
    if path == "/IncomingPhoneNumbers.json":
        return _numbers(account)
    return None


def _account(account: Account) -> dict[str, object]:
    return {
        "sid": account.sid,
        "owner_account_sid": account.sid,
        "friendly_name": "Sandbox",
        "status": "active",
        "type": "Full",
        "date_created": "Sat, 21 Nov 2026 00:00:00 +0000",
        "date_updated": "Sat, 21 Nov 2026 00:00:00 +0000",
        "uri": f"/{API_VERSION}/Accounts/{account.sid}.json",
    }


def _numbers(account: Account) -> dict[str, object]:
    uri = f"/{API_VERSION}/Accounts/{account.sid}/IncomingPhoneNumbers.json?PageSize=50&Page=0"
    numbers = [_number(account, phone) for phone in account.senders()]
    return {
        "incoming_phone_numbers": numbers,
        "first_page_uri": uri,
        "next_page_uri": None,
        "previous_page_uri": None,
        "uri": uri,
        "page": 0,
        "page_size": 50,
        "start": 0,
        "end": len(numbers) - 1,
    }


def _number(account: Account, phone: str) -> dict[str, object]:
    sid = "PN" + md5(phone.encode(), usedforsecurity=False).hexdigest()
    base = account.settings.public_url or account.settings.webhooks_url
    return {
        "sid": sid,
        "account_sid": account.sid,
        "phone_number": phone,
        "friendly_name": phone,
        "capabilities": {"voice": True, "sms": True, "mms": True, "fax": False},
        "sms_method": "POST",
        "voice_method": "POST",
        "voice_url": base + VOICE_PATH,
        "status_callback_method": "POST",
        "status_callback": base + ENDED_PATH,
        "sms_url": base + INBOUND_PATH,
        "status": "in-use",
        "api_version": API_VERSION,
        "uri": f"/{API_VERSION}/Accounts/{account.sid}/IncomingPhoneNumbers/{sid}.json",
    }
