-- What devices have brought of attachments that did not have their hash: their chunks are gone, their cost is not. A row
-- counts from its first such upload on, and begins anew when that is a day ago.

CREATE TABLE attachment_waste (
    project UUID NOT NULL,
    device BYTEA NOT NULL,
    since_ms BIGINT NOT NULL,
    byte_count BIGINT NOT NULL,
    PRIMARY KEY (project, device),
    FOREIGN KEY (project, device) REFERENCES devices (project, id)
);
