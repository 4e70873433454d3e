-- The log: a head for each feed, the frames that hold its positions, and the proofs of who wrote them.

CREATE TABLE feeds (
    project UUID NOT NULL,
    area UUID NOT NULL,
    class BIGINT NOT NULL,
    head BIGINT NOT NULL,
    PRIMARY KEY (project, area, class)
);

-- Holds the positions from_position + 1 to to_position of its feed. A row is never changed; compaction replaces several
-- rows by one. The source (device, incarnation, frame) is absent where several authors stand in one segment.
CREATE TABLE segments (
    project UUID NOT NULL,
    area UUID NOT NULL,
    class BIGINT NOT NULL,
    to_position BIGINT NOT NULL,
    from_position BIGINT NOT NULL,
    change_count BIGINT NOT NULL,
    device BYTEA,
    incarnation BYTEA,
    frame BIGINT,
    received_ms BIGINT NOT NULL,
    compression BIGINT NOT NULL,
    dictionary BIGINT NOT NULL,
    raw_bytes BIGINT NOT NULL,
    body_bytes BIGINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (project, area, class, to_position)
);

CREATE TABLE proofs (
    project UUID NOT NULL,
    device BYTEA NOT NULL,
    incarnation BYTEA NOT NULL,
    frame BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    header BYTEA NOT NULL,
    signature BYTEA NOT NULL,
    receipt BYTEA NOT NULL,
    carrier BYTEA,
    received_ms BIGINT NOT NULL,
    PRIMARY KEY (project, device, incarnation, frame)
);

-- Bodies are compressed already.
ALTER TABLE segments ALTER COLUMN body SET STORAGE EXTERNAL;
