"""What an inbound text asks for: to stop, to start again, for help, or something only a person can answer."""

from core.domain.keywords.reading import Asked, Certainty, Kind, Reading, provider_answers, read

__all__ = ["Asked", "Certainty", "Kind", "Reading", "provider_answers", "read"]
