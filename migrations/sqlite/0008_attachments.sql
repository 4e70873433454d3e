-- Attachments: what is stored whole, what is arriving, and which records refer to which. The bytes of whole ones stand in
-- the object store, those of unfinished ones here: a chunk is acknowledged when its row is committed.

CREATE TABLE attachments (
    project BLOB NOT NULL REFERENCES projects (id),
    sha256 BLOB NOT NULL,
    byte_count INTEGER NOT NULL,
    stored_ms INTEGER NOT NULL,
    PRIMARY KEY (project, sha256)
) STRICT, WITHOUT ROWID;

-- One row for each device that has brought an attachment, or is bringing it. It stays when the attachment is whole.
CREATE TABLE attachment_uploads (
    project BLOB NOT NULL,
    device BLOB NOT NULL,
    sha256 BLOB NOT NULL,
    byte_count INTEGER NOT NULL,
    received INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    finished_ms INTEGER,
    PRIMARY KEY (project, device, sha256),
    FOREIGN KEY (project, device) REFERENCES devices (project, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX attachment_uploads_by_time ON attachment_uploads (project, device, updated_ms);

CREATE TABLE attachment_chunks (
    project BLOB NOT NULL,
    device BLOB NOT NULL,
    sha256 BLOB NOT NULL,
    first_byte INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (project, device, sha256, first_byte)
) STRICT;

-- Derived from the records: who may read one of these records may read the attachment.
CREATE TABLE attachment_references (
    project BLOB NOT NULL,
    record BLOB NOT NULL,
    path TEXT NOT NULL,
    sha256 BLOB NOT NULL,
    device BLOB NOT NULL,
    PRIMARY KEY (project, record, path, sha256)
) STRICT, WITHOUT ROWID;

CREATE INDEX attachment_references_by_hash ON attachment_references (project, sha256);
