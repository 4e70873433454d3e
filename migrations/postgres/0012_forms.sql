-- The versions of forms that a project has published, numbered in the order in which they were. A row is never changed nor
-- deleted: phones have it, and records say by its number which version last wrote them.

CREATE TABLE forms (
    project UUID NOT NULL REFERENCES projects (id),
    number BIGINT NOT NULL,
    form_id TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C" NOT NULL,
    title TEXT NOT NULL,
    -- The version as JSON, and its length; compressed against the bytes of the version with the number `base`, or of none.
    byte_count BIGINT NOT NULL,
    base BIGINT,
    packed BYTEA NOT NULL,
    -- SHA-256 over the chain of the number before and the SHA-256 of the bytes.
    chain BYTEA NOT NULL,
    -- The workbook as it was uploaded, for who goes on working on it, and its name.
    workbook BYTEA,
    file_name TEXT NOT NULL,
    published_ms BIGINT NOT NULL,
    PRIMARY KEY (project, number),
    UNIQUE (project, form_id, version)
);

-- The number of the version that was published last.
ALTER TABLE projects ADD COLUMN last_form BIGINT NOT NULL DEFAULT 0;
