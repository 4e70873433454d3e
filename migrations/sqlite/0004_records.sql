-- The merged records and what is derived from them, and the changes that wait or were refused.

-- One row for each record. The state holds the change list, the operation skeleton and the heads: there is no row and no
-- index entry for each change. The version counts the writes of the row and guards it against a lost update.
CREATE TABLE records (
    project BLOB NOT NULL,
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    class INTEGER NOT NULL,
    area BLOB NOT NULL,
    record_type TEXT NOT NULL,
    subject BLOB,
    author BLOB NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    position INTEGER NOT NULL,
    change_count INTEGER NOT NULL,
    open_case_count INTEGER NOT NULL,
    current_values TEXT NOT NULL,
    state BLOB NOT NULL,
    PRIMARY KEY (project, id)
) STRICT;

-- A record about a person follows that person when she moves.
CREATE INDEX records_by_subject ON records (project, subject) WHERE subject IS NOT NULL;

-- One row for each run of entries, normally those of one change of a log: a row for each entry would cost more in row and
-- key overhead than the entry itself.
CREATE TABLE entries (
    project BLOB NOT NULL,
    record BLOB NOT NULL,
    first_entry INTEGER NOT NULL,
    entry_count INTEGER NOT NULL,
    class INTEGER NOT NULL,
    area BLOB NOT NULL,
    seq INTEGER NOT NULL,
    made_ms INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    position INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (project, record, first_entry)
) STRICT, WITHOUT ROWID;

-- Changes that arrived before what they were made on.
CREATE TABLE held (
    project BLOB NOT NULL,
    record BLOB NOT NULL,
    actor BLOB NOT NULL,
    seq INTEGER NOT NULL,
    device BLOB NOT NULL,
    incarnation BLOB NOT NULL,
    frame INTEGER NOT NULL,
    frame_index INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    needs BLOB NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (project, record, actor, seq)
) STRICT;

CREATE INDEX held_by_device ON held (project, device, incarnation, frame);
CREATE INDEX held_by_age ON held (project, received_ms);

CREATE TABLE quarantine (
    project BLOB NOT NULL,
    id BLOB NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    device BLOB,
    incarnation BLOB,
    frame INTEGER,
    frame_index INTEGER,
    record BLOB,
    actor BLOB,
    seq INTEGER,
    received_ms INTEGER NOT NULL,
    resolved_ms INTEGER,
    resolution TEXT,
    body BLOB NOT NULL,
    PRIMARY KEY (project, id)
) STRICT;

CREATE INDEX quarantine_by_device ON quarantine (project, device, received_ms);

CREATE TABLE cases (
    project BLOB NOT NULL,
    record BLOB NOT NULL,
    kind TEXT NOT NULL,
    path TEXT NOT NULL,
    area BLOB NOT NULL,
    class INTEGER NOT NULL,
    record_type TEXT NOT NULL,
    state BLOB NOT NULL,
    candidates TEXT NOT NULL,
    agreed TEXT,
    decision TEXT,
    opened_ms INTEGER NOT NULL,
    closed_ms INTEGER,
    PRIMARY KEY (project, record, kind, path)
) STRICT;

CREATE INDEX cases_by_age ON cases (project, opened_ms, record, kind, path);
