"""A map of cases as one page that needs nothing else, and pages of cases beside each other.

    render(Atlas(...))            the page: map, sections, lists with pictures
    Sheets.of(pictures, size)     small pictures of many cases in sheets

Inside: `atlas` (what is shown, as plain data), `payload` (what the script reads), `sheets`, `still`
(figures), `page`; the script is `data.js`, `colour.js`, `paint.js`, `map.js`, `hands.js` and
`legend.js`, one after the other. Nothing of the user's becomes markup: the script sets texts only,
and the page's policy runs no script but this one, by its SHA-256.
"""

from isocenter.reporting.map.atlas import Atlas, Card, Group, Section, Table
from isocenter.reporting.map.page import render
from isocenter.reporting.map.sheets import Sheets, picture_size

__all__ = ["Atlas", "Card", "Group", "Section", "Sheets", "Table", "picture_size", "render"]
