const NUMBER = '(0|[1-9]\\d*)';
const OF_PRE_RELEASE = '(?:0|[1-9]\\d*|\\d*[A-Za-z-][0-9A-Za-z-]*)';
const OF_BUILD = '[0-9A-Za-z-]+';

/** Semantic Versioning 2.0.0, 2, 9 and 10. Its groups are the three numbers of the release. */
export const SEMANTIC_VERSION = new RegExp(
  `^${NUMBER}\\.${NUMBER}\\.${NUMBER}(?:-${OF_PRE_RELEASE}(?:\\.${OF_PRE_RELEASE})*)?(?:\\+${OF_BUILD}(?:\\.${OF_BUILD})*)?$`,
);
