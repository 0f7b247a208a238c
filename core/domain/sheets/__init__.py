"""Lists of people as others export them: read with patience, each row taken whole or refused with a sentence."""

from core.domain.sheets.columns import Columns, Purpose
from core.domain.sheets.entries import Entry, read
from core.domain.sheets.reading import Row, Sheet, open_sheet
from core.domain.sheets.refused import RefusedRows

__all__ = ["Columns", "Entry", "Purpose", "RefusedRows", "Row", "Sheet", "open_sheet", "read"]
