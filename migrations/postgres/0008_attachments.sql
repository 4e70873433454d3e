-- Attachments: what is stored whole, what is arriving, and which records refer to which. The bytes of whole ones stand in
-- the object store, those of unfinished ones here: a chunk is acknowledged when its row is committed.

CREATE TABLE attachments (
    project UUID NOT NULL REFERENCES projects (id),
    sha256 BYTEA NOT NULL,
    byte_count BIGINT NOT NULL,
    stored_ms BIGINT NOT NULL,
    PRIMARY KEY (project, sha256)
);

-- One row for each device that has brought an attachment, or is bringing it. It stays when the attachment is whole.
CREATE TABLE attachment_uploads (
    project UUID NOT NULL,
    device BYTEA NOT NULL,
    sha256 BYTEA NOT NULL,
    byte_count BIGINT NOT NULL,
    received BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    finished_ms BIGINT,
    PRIMARY KEY (project, device, sha256),
    FOREIGN KEY (project, device) REFERENCES devices (project, id)
);

CREATE INDEX attachment_uploads_by_time ON attachment_uploads (project, device, updated_ms);

CREATE TABLE attachment_chunks (
    project UUID NOT NULL,
    device BYTEA NOT NULL,
    sha256 BYTEA NOT NULL,
    first_byte BIGINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (project, device, sha256, first_byte)
);

-- Derived from the records: who may read one of these records may read the attachment.
CREATE TABLE attachment_references (
    project UUID NOT NULL,
    record UUID NOT NULL,
    path TEXT COLLATE "C" NOT NULL,
    sha256 BYTEA NOT NULL,
    device BYTEA NOT NULL,
    PRIMARY KEY (project, record, path, sha256)
);

CREATE INDEX attachment_references_by_hash ON attachment_references (project, sha256);

-- Photos do not shrink when compressed.
ALTER TABLE attachment_chunks ALTER COLUMN body SET STORAGE EXTERNAL;
