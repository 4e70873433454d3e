-- The log: a head for each feed, the frames that hold its positions, and the proofs of who wrote them.

CREATE TABLE feeds (
    project BLOB NOT NULL,
    area BLOB NOT NULL,
    class INTEGER NOT NULL,
    head INTEGER NOT NULL,
    PRIMARY KEY (project, area, class)
) STRICT, WITHOUT ROWID;

-- Holds the positions from_position + 1 to to_position of its feed. A row is never changed; compaction replaces several
-- rows by one. The source (device, incarnation, frame) is absent where several authors stand in one segment.
CREATE TABLE segments (
    project BLOB NOT NULL,
    area BLOB NOT NULL,
    class INTEGER NOT NULL,
    to_position INTEGER NOT NULL,
    from_position INTEGER NOT NULL,
    change_count INTEGER NOT NULL,
    device BLOB,
    incarnation BLOB,
    frame INTEGER,
    received_ms INTEGER NOT NULL,
    compression INTEGER NOT NULL,
    dictionary INTEGER NOT NULL,
    raw_bytes INTEGER NOT NULL,
    body_bytes INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (project, area, class, to_position)
) STRICT;

CREATE TABLE proofs (
    project BLOB NOT NULL,
    device BLOB NOT NULL,
    incarnation BLOB NOT NULL,
    frame INTEGER NOT NULL,
    digest BLOB NOT NULL,
    header BLOB NOT NULL,
    signature BLOB NOT NULL,
    receipt BLOB NOT NULL,
    carrier BLOB,
    received_ms INTEGER NOT NULL,
    PRIMARY KEY (project, device, incarnation, frame)
) STRICT, WITHOUT ROWID;
