-- The lives of a log. A life begins when a process has something to do with a project for the first time since it started.
-- A database that goes back to a backup lacks the lives that began after it, and what is written then stands in later ones.
-- Only the order of the numbers matters.

CREATE TABLE log_lives (
    project UUID NOT NULL REFERENCES projects (id),
    number BIGINT NOT NULL,
    id BYTEA NOT NULL,
    log UUID NOT NULL,
    begun_ms BIGINT NOT NULL,
    PRIMARY KEY (project, number),
    UNIQUE (project, id)
);

-- Before the first change that a life gave a position in a feed, the feed ended there.
CREATE TABLE log_life_heads (
    project UUID NOT NULL,
    life BIGINT NOT NULL,
    area UUID NOT NULL,
    class BIGINT NOT NULL,
    head BIGINT NOT NULL,
    PRIMARY KEY (project, life, area, class)
);

-- The latest life.
ALTER TABLE projects ADD COLUMN life BYTEA;

-- The number of the life in which the frame was taken.
ALTER TABLE proofs ADD COLUMN life BIGINT NOT NULL DEFAULT 0;
