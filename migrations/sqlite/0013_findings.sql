-- What is wrong with records by the rules of the forms that write them. A row stays when it was mended.

CREATE TABLE findings (
    project BLOB NOT NULL,
    record BLOB NOT NULL,
    -- Where in the record, and what.
    path TEXT NOT NULL,
    code TEXT NOT NULL,
    -- The number of the version of the form.
    form INTEGER NOT NULL,
    -- Who wrote what stands there; where nothing does, the record.
    device BLOB NOT NULL,
    raised_ms INTEGER NOT NULL,
    mended_ms INTEGER,
    PRIMARY KEY (project, record, path, code)
) STRICT, WITHOUT ROWID;

CREATE INDEX findings_by_device ON findings (project, device, raised_ms) WHERE mended_ms IS NULL;
CREATE INDEX findings_by_age ON findings (project, raised_ms, record, path, code);

-- Up to which position of each feed the records were judged.
CREATE TABLE judged (
    project BLOB NOT NULL,
    area BLOB NOT NULL,
    class INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (project, area, class)
) STRICT, WITHOUT ROWID;
