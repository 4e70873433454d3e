-- Keys of headquarters and its programs: known by their hash only.

CREATE TABLE api_keys (
    project BLOB NOT NULL REFERENCES projects (id),
    id BLOB NOT NULL,
    label TEXT NOT NULL,
    role TEXT NOT NULL,
    key_hash BLOB NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    revoked_ms INTEGER,
    PRIMARY KEY (project, id)
) STRICT, WITHOUT ROWID;

-- Who shows a key tells nothing else.
CREATE INDEX api_keys_by_hash ON api_keys (key_hash);
