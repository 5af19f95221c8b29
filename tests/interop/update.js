// SPDX-License-Identifier: Apache-2.0
// An unmodified tuf-js as a client: refreshes from a repository and downloads targets. Takes one JSON argument
// {metadata, targets, folder, wanted: [path]}: folder holds root.json, the trusted root, and what was cached before.
// Prints one JSON line: {"downloaded": {path: {file, length, hashes}}} or {"refused": "Error: why"}.
'use strict';

const fs = require('fs');
const path = require('path');
const { Updater } = require('tuf-js');

async function update(job) {
  const updater = new Updater({
    metadataDir: job.folder,
    metadataBaseUrl: job.metadata,
    targetDir: path.join(job.folder, 'targets'),
    targetBaseUrl: job.targets,
    config: { fetchTimeout: 20000, fetchRetry: 0 },
  });
  fs.mkdirSync(path.join(job.folder, 'targets'), { recursive: true });
  await updater.refresh();
  const downloaded = {};
  for (const wanted of job.wanted) {
    const info = await updater.getTargetInfo(wanted);
    if (info) {
      const file = await updater.downloadTarget(info);
      downloaded[wanted] = { file, length: info.length, hashes: info.hashes };
    } else {
      downloaded[wanted] = null;
    }
  }
  return { downloaded };
}

update(JSON.parse(process.argv[2])).then(
  (result) => console.log(JSON.stringify(result)),
  (error) => console.log(JSON.stringify({ refused: `${error.constructor.name}: ${error.message}` })),
);
