-- What devices have brought of attachments that did not have their hash: their chunks are gone, their cost is not. A row
-- counts from its first such upload on, and begins anew when that is a day ago.

CREATE TABLE attachment_waste (
    project BLOB NOT NULL,
    device BLOB NOT NULL,
    since_ms INTEGER NOT NULL,
    byte_count INTEGER NOT NULL,
    PRIMARY KEY (project, device),
    FOREIGN KEY (project, device) REFERENCES devices (project, id)
) STRICT, WITHOUT ROWID;
