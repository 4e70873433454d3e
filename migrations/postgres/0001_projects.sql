-- Projects, their areas, people and keys. Every key begins with the project, so that one schema distributes by project.
-- JSON stands as the text that was written: JSONB would sort its keys at a third of the price of a record, and refuse the
-- character zero, which somebody's keyboard may send.

CREATE TABLE projects (
    id UUID NOT NULL PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    root_area UUID NOT NULL,
    log_id UUID NOT NULL,
    roster_version BIGINT NOT NULL,
    last_device_number BIGINT NOT NULL,
    settings JSON NOT NULL,
    created_ms BIGINT NOT NULL
);

CREATE TABLE areas (
    project UUID NOT NULL REFERENCES projects (id),
    id UUID NOT NULL,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    parent UUID,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (project, id),
    UNIQUE (project, code)
);

CREATE TABLE people (
    project UUID NOT NULL REFERENCES projects (id),
    id UUID NOT NULL,
    name TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (project, id)
);

CREATE TABLE server_keys (
    project UUID NOT NULL REFERENCES projects (id),
    number BIGINT NOT NULL,
    purpose TEXT NOT NULL,
    public_key BYTEA NOT NULL,
    secret_key BYTEA NOT NULL,
    created_ms BIGINT NOT NULL,
    retired_ms BIGINT,
    PRIMARY KEY (project, number)
);
