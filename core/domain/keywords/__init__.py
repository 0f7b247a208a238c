"""What an inbound text asks for: to stop, to start again, for help, or something only a person can answer."""

from core.domain.keywords.reading import Certainty, Kind, Reading, provider_answers, read

__all__ = ["Certainty", "Kind", "Reading", "provider_answers", "read"]
