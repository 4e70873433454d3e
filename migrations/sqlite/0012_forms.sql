-- The versions of forms that a project has published, numbered in the order in which they were. A row is never changed nor
-- deleted: phones have it, and records say by its number which version last wrote them.

CREATE TABLE forms (
    project BLOB NOT NULL REFERENCES projects (id),
    number INTEGER NOT NULL,
    form_id TEXT NOT NULL,
    version TEXT NOT NULL,
    title TEXT NOT NULL,
    -- The version as JSON, and its length; compressed against the bytes of the version with the number `base`, or of none.
    byte_count INTEGER NOT NULL,
    base INTEGER,
    packed BLOB NOT NULL,
    -- SHA-256 over the chain of the number before and the SHA-256 of the bytes.
    chain BLOB NOT NULL,
    -- The workbook as it was uploaded, for who goes on working on it, and its name.
    workbook BLOB,
    file_name TEXT NOT NULL,
    published_ms INTEGER NOT NULL,
    PRIMARY KEY (project, number),
    UNIQUE (project, form_id, version)
) STRICT;

-- The number of the version that was published last.
ALTER TABLE projects ADD COLUMN last_form INTEGER NOT NULL DEFAULT 0;
