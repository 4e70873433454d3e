-- What is wrong with records by the rules of the forms that write them. A row stays when it was mended.

CREATE TABLE findings (
    project UUID NOT NULL,
    record UUID NOT NULL,
    -- Where in the record, and what.
    path TEXT NOT NULL,
    code TEXT NOT NULL,
    -- The number of the version of the form.
    form BIGINT NOT NULL,
    -- Who wrote what stands there; where nothing does, the record.
    device BYTEA NOT NULL,
    raised_ms BIGINT NOT NULL,
    mended_ms BIGINT,
    PRIMARY KEY (project, record, path, code)
);

CREATE INDEX findings_by_device ON findings (project, device, raised_ms) WHERE mended_ms IS NULL;
CREATE INDEX findings_by_age ON findings (project, raised_ms, record, path, code);

-- Up to which position of each feed the records were judged.
CREATE TABLE judged (
    project UUID NOT NULL,
    area UUID NOT NULL,
    class BIGINT NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (project, area, class)
);
