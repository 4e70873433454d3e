-- What stored bodies were compressed against. The number is the first four bytes of the SHA-256 of the body.

CREATE TABLE dictionaries (
    project UUID NOT NULL REFERENCES projects (id),
    number BIGINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (project, number)
);
