-- The lives of a log. A life begins when a process has something to do with a project for the first time since it started.
-- A database that goes back to a backup lacks the lives that began after it, and what is written then stands in later ones.
-- Only the order of the numbers matters.

CREATE TABLE log_lives (
    project BLOB NOT NULL REFERENCES projects (id),
    number INTEGER NOT NULL,
    id BLOB NOT NULL,
    log BLOB NOT NULL,
    begun_ms INTEGER NOT NULL,
    PRIMARY KEY (project, number),
    UNIQUE (project, id)
) STRICT, WITHOUT ROWID;

-- Before the first change that a life gave a position in a feed, the feed ended there.
CREATE TABLE log_life_heads (
    project BLOB NOT NULL,
    life INTEGER NOT NULL,
    area BLOB NOT NULL,
    class INTEGER NOT NULL,
    head INTEGER NOT NULL,
    PRIMARY KEY (project, life, area, class)
) STRICT, WITHOUT ROWID;

-- The latest life.
ALTER TABLE projects ADD COLUMN life BLOB;

-- The number of the life in which the frame was taken.
ALTER TABLE proofs ADD COLUMN life INTEGER NOT NULL DEFAULT 0;
