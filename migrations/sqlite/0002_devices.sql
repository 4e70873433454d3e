-- Devices, who uses them, and what they may read and write.

CREATE TABLE device_codes (
    project BLOB NOT NULL REFERENCES projects (id),
    code_hash BLOB NOT NULL,
    label TEXT NOT NULL,
    people TEXT NOT NULL,
    grants TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    used_ms INTEGER,
    device BLOB,
    PRIMARY KEY (project, code_hash)
) STRICT, WITHOUT ROWID;

-- A device that enrols knows its code and no project.
CREATE INDEX device_codes_by_hash ON device_codes (code_hash);

CREATE TABLE devices (
    project BLOB NOT NULL REFERENCES projects (id),
    id BLOB NOT NULL,
    number INTEGER NOT NULL,
    label TEXT NOT NULL,
    public_key BLOB NOT NULL,
    incarnation BLOB,
    highest_frame INTEGER NOT NULL,
    last_seen_ms INTEGER,
    telemetry TEXT,
    created_ms INTEGER NOT NULL,
    revoked_ms INTEGER,
    PRIMARY KEY (project, id),
    UNIQUE (project, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE device_people (
    project BLOB NOT NULL,
    device BLOB NOT NULL,
    number INTEGER NOT NULL,
    person BLOB NOT NULL,
    since_ms INTEGER NOT NULL,
    PRIMARY KEY (project, device, number),
    FOREIGN KEY (project, device) REFERENCES devices (project, id),
    FOREIGN KEY (project, person) REFERENCES people (project, id)
) STRICT, WITHOUT ROWID;

-- A withdrawn grant stays: whoever could write in an area may deliver late.
CREATE TABLE grants (
    project BLOB NOT NULL,
    device BLOB NOT NULL,
    area BLOB NOT NULL,
    role TEXT NOT NULL,
    given_ms INTEGER NOT NULL,
    withdrawn_ms INTEGER,
    PRIMARY KEY (project, device, area, role),
    FOREIGN KEY (project, device) REFERENCES devices (project, id),
    FOREIGN KEY (project, area) REFERENCES areas (project, id)
) STRICT, WITHOUT ROWID;
