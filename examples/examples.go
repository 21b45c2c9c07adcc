// Package examples has the worked examples, as drafts of statements and as
// requests in YAML, and a scenario to play: veu-2015, historical facts about Validated End-Users, and
// underwater-comms, a fictional joint sandbox. Neither states what any
// government says; each directory's README tells what it is.
package examples

import "embed"

// Files has the files by name, such as veu-2015/ge-india.yaml.
//
//go:embed veu-2015/*.yaml underwater-comms/*.yaml
var Files embed.FS
