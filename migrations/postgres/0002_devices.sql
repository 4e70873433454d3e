-- Devices, who uses them, and what they may read and write.

CREATE TABLE device_codes (
    project UUID NOT NULL REFERENCES projects (id),
    code_hash BYTEA NOT NULL,
    label TEXT NOT NULL,
    people JSON NOT NULL,
    grants JSON NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    used_ms BIGINT,
    device BYTEA,
    PRIMARY KEY (project, code_hash)
);

-- A device that enrols knows its code and no project.
CREATE INDEX device_codes_by_hash ON device_codes (code_hash);

CREATE TABLE devices (
    project UUID NOT NULL REFERENCES projects (id),
    id BYTEA NOT NULL,
    number BIGINT NOT NULL,
    label TEXT NOT NULL,
    public_key BYTEA NOT NULL,
    incarnation BYTEA,
    highest_frame BIGINT NOT NULL,
    last_seen_ms BIGINT,
    telemetry JSON,
    created_ms BIGINT NOT NULL,
    revoked_ms BIGINT,
    PRIMARY KEY (project, id),
    UNIQUE (project, number)
);

CREATE TABLE device_people (
    project UUID NOT NULL,
    device BYTEA NOT NULL,
    number BIGINT NOT NULL,
    person UUID NOT NULL,
    since_ms BIGINT NOT NULL,
    PRIMARY KEY (project, device, number),
    FOREIGN KEY (project, device) REFERENCES devices (project, id),
    FOREIGN KEY (project, person) REFERENCES people (project, id)
);

-- A withdrawn grant stays: whoever could write in an area may deliver late.
CREATE TABLE grants (
    project UUID NOT NULL,
    device BYTEA NOT NULL,
    area UUID NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    given_ms BIGINT NOT NULL,
    withdrawn_ms BIGINT,
    PRIMARY KEY (project, device, area, role),
    FOREIGN KEY (project, device) REFERENCES devices (project, id),
    FOREIGN KEY (project, area) REFERENCES areas (project, id)
);
