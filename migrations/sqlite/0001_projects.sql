-- Projects, their areas, people and keys. Every key begins with the project, so that one schema distributes by project.

CREATE TABLE projects (
    id BLOB NOT NULL PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    root_area BLOB NOT NULL,
    log_id BLOB NOT NULL,
    roster_version INTEGER NOT NULL,
    last_device_number INTEGER NOT NULL,
    settings TEXT NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE areas (
    project BLOB NOT NULL REFERENCES projects (id),
    id BLOB NOT NULL,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    parent BLOB,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (project, id),
    UNIQUE (project, code)
) STRICT, WITHOUT ROWID;

CREATE TABLE people (
    project BLOB NOT NULL REFERENCES projects (id),
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (project, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE server_keys (
    project BLOB NOT NULL REFERENCES projects (id),
    number INTEGER NOT NULL,
    purpose TEXT NOT NULL,
    public_key BLOB NOT NULL,
    secret_key BLOB NOT NULL,
    created_ms INTEGER NOT NULL,
    retired_ms INTEGER,
    PRIMARY KEY (project, number)
) STRICT, WITHOUT ROWID;
