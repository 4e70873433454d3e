-- Keys of headquarters and its programs: known by their hash only.

CREATE TABLE api_keys (
    project UUID NOT NULL REFERENCES projects (id),
    id UUID NOT NULL,
    label TEXT NOT NULL,
    role TEXT NOT NULL,
    key_hash BYTEA NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    revoked_ms BIGINT,
    PRIMARY KEY (project, id)
);

-- Who shows a key tells nothing else.
CREATE INDEX api_keys_by_hash ON api_keys (key_hash);
