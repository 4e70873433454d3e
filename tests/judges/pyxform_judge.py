"""Reads workbooks as lines of JSON, each with its Markdown, and prints what pyxform makes of each: an XForm or a refusal."""

import json
import sys
from xml.parsers.expat import ExpatError, ParserCreate

from pyxform.errors import PyXFormError
from pyxform.xls2xform import convert


def judged(markdown: str) -> dict[str, str]:
    try:
        xform = convert(markdown, file_type=".md", form_name="data").xform
        # A column with the prefix of a namespace that the settings do not name gives what no program can read.
        ParserCreate(namespace_separator=" ").Parse(xform, True)
    except PyXFormError as error:
        return {"refused": str(error)}
    except ExpatError as error:
        return {"refused": f"not XML: {error}"}
    except Exception as error:
        # It fails in other ways on workbooks that make no sense.
        return {"refused": f"{type(error).__name__}: {error}"}
    return {"xform": xform}


for line in sys.stdin:
    print(json.dumps(judged(json.loads(line)["markdown"])))
