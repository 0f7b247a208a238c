"""Local stand-ins for Slack, Twilio and SMTP with one web page: they speak HTTP only, import nothing of the product."""
