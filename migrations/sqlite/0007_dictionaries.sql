-- What stored bodies were compressed against. The number is the first four bytes of the SHA-256 of the body.

CREATE TABLE dictionaries (
    project BLOB NOT NULL REFERENCES projects (id),
    number INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (project, number)
) STRICT;
