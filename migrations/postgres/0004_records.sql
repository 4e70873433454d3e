-- The merged records and what is derived from them, and the changes that wait or were refused.

-- One row for each record. The state holds the change list, the operation skeleton and the heads: there is no row and no
-- index entry for each change. The version counts the writes of the row and guards it against a lost update.
CREATE TABLE records (
    project UUID NOT NULL,
    id UUID NOT NULL,
    version BIGINT NOT NULL,
    class BIGINT NOT NULL,
    area UUID NOT NULL,
    record_type TEXT NOT NULL,
    subject UUID,
    author BYTEA NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    position BIGINT NOT NULL,
    change_count BIGINT NOT NULL,
    open_case_count BIGINT NOT NULL,
    current_values JSON NOT NULL,
    state BYTEA NOT NULL,
    PRIMARY KEY (project, id)
);

-- Most rows are about two kilobytes, just where PostgreSQL begins to compress and move columns out of the row: it should
-- not before a page holds only one row. The state does not shrink when compressed.
ALTER TABLE records SET (toast_tuple_target = 4080);
ALTER TABLE records ALTER COLUMN state SET STORAGE EXTERNAL;

-- A record about a person follows that person when she moves.
CREATE INDEX records_by_subject ON records (project, subject) WHERE subject IS NOT NULL;

-- One row for each run of entries, normally those of one change of a log: a row for each entry would cost more in row and
-- key overhead than the entry itself.
CREATE TABLE entries (
    project UUID NOT NULL,
    record UUID NOT NULL,
    first_entry BIGINT NOT NULL,
    entry_count BIGINT NOT NULL,
    class BIGINT NOT NULL,
    area UUID NOT NULL,
    seq BIGINT NOT NULL,
    made_ms BIGINT NOT NULL,
    received_ms BIGINT NOT NULL,
    position BIGINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (project, record, first_entry)
);

-- Changes that arrived before what they were made on.
CREATE TABLE held (
    project UUID NOT NULL,
    record UUID NOT NULL,
    actor BYTEA NOT NULL,
    seq BIGINT NOT NULL,
    device BYTEA NOT NULL,
    incarnation BYTEA NOT NULL,
    frame BIGINT NOT NULL,
    frame_index BIGINT NOT NULL,
    received_ms BIGINT NOT NULL,
    needs BYTEA NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (project, record, actor, seq)
);

CREATE INDEX held_by_device ON held (project, device, incarnation, frame);
CREATE INDEX held_by_age ON held (project, received_ms);

CREATE TABLE quarantine (
    project UUID NOT NULL,
    id UUID NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    device BYTEA,
    incarnation BYTEA,
    frame BIGINT,
    frame_index BIGINT,
    record UUID,
    actor BYTEA,
    seq BIGINT,
    received_ms BIGINT NOT NULL,
    resolved_ms BIGINT,
    resolution TEXT,
    body BYTEA NOT NULL,
    PRIMARY KEY (project, id)
);

CREATE INDEX quarantine_by_device ON quarantine (project, device, received_ms);

CREATE TABLE cases (
    project UUID NOT NULL,
    record UUID NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    path TEXT COLLATE "C" NOT NULL,
    area UUID NOT NULL,
    class BIGINT NOT NULL,
    record_type TEXT NOT NULL,
    state BYTEA NOT NULL,
    candidates JSON NOT NULL,
    agreed JSON,
    decision JSON,
    opened_ms BIGINT NOT NULL,
    closed_ms BIGINT,
    PRIMARY KEY (project, record, kind, path)
);

CREATE INDEX cases_by_age ON cases (project, opened_ms, record, kind, path);
