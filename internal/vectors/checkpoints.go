package vectors

import (
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/safeconduct/safeconduct/verify"
)

// CheckpointFile is checkpoints.json.
type CheckpointFile struct {
	About       string       `json:"about"`
	Checkpoints []Checkpoint `json:"checkpoints"`
	Signatures  []Signature  `json:"signatures"`
	Merges      []Merge      `json:"merges"`
}

// A Checkpoint is a signed note, whose text reads or not; signatures aside.
type Checkpoint struct {
	Name string `json:"name"`
	Note Text   `json:"note"`
	OK   bool   `json:"ok"`
	// Where OK.
	Origin string `json:"origin,omitzero"`
	Size   int64  `json:"size,omitzero"`
	Root   string `json:"root,omitzero"`
}

// A Signature is a line under a note text, good by a key or not.
type Signature struct {
	Name string `json:"name"`
	VKey string `json:"vkey"`
	Text string `json:"text"`
	Line string `json:"line"`
	OK   bool   `json:"ok"`
	// Time is that of a cosignature, Unix seconds.
	Time int64 `json:"time,omitzero"`
}

// A Merge puts more signature lines onto a checkpoint. Merged is "" where that
// is refused.
type Merge struct {
	Name       string   `json:"name"`
	Checkpoint string   `json:"checkpoint"`
	More       []string `json:"more"`
	Merged     string   `json:"merged"`
}

func lineOf(k note.Signer, text string) string {
	return string(must(note.Sign(&note.Note{Text: text}, k)))[len(text)+1:]
}

// spoil changes a byte of what a signature line encodes.
func spoil(line string, i int) string {
	f := strings.Fields(line)
	b := must(base64.StdEncoding.DecodeString(f[2]))
	b[i] ^= 1
	return f[0] + " " + f[1] + " " + b64(b) + "\n"
}

func checkpointFile() CheckpointFile {
	f := CheckpointFile{About: "Checkpoints: signed notes whose text reads or not, whoever signed. Signatures: lines that a key vouches for or not. Merges: lines put onto a checkpoint in their order; merged is empty where that is refused."}
	r := story()
	signed, text := r.checkpoint(quorum(cosigned)...), r.text(r.size())
	c := must(verify.ParseCheckpoint([]byte(signed)))
	f.Checkpoints = []Checkpoint{{"signed and cosigned", Text(signed), true, c.Origin, c.Tree.N, c.Tree.Hash.String()}}
	largest := strings.Replace(text, "\n10\n", "\n9007199254740991\n", 1)
	f.Checkpoints = append(f.Checkpoints, Checkpoint{"the largest size, 2^53-1", Text(signNote(largest, logKey)), true, c.Origin, 1<<53 - 1, c.Tree.Hash.String()})
	lines := strings.SplitAfter(text, "\n")
	for _, x := range []struct{ name, note string }{
		{"an extension line", signNote(text+"more\n", logKey)},
		{"no signatures", text},
		{"a leading zero", strings.Replace(signed, "\n10\n", "\n010\n", 1)},
		{"a sign", strings.Replace(signed, "\n10\n", "\n+10\n", 1)},
		{"a size of 2^53", signNote(strings.Replace(text, "\n10\n", "\n9007199254740992\n", 1), logKey)},
		{"a size of 2^62+1", signNote(strings.Replace(text, "\n10\n", "\n4611686018427387905\n", 1), logKey)},
		{"a size beyond 2^63-1", strings.Replace(signed, "\n10\n", "\n9223372036854775808\n", 1)},
		{"a root of 31 bytes", strings.Replace(signed, lines[2], b64(make([]byte, 31))+"\n", 1)},
		{"a root without padding", strings.Replace(signed, "=\n", "\n", 1)},
		{"no origin", strings.Replace(signed, Origin, "", 1)},
		{"two lines", Origin + "\n10\n\n" + lineOf(logKey, Origin+"\n10\n")},
	} {
		f.Checkpoints = append(f.Checkpoints, Checkpoint{Name: x.name, Note: Text(x.note)})
	}

	line, cosig := lineOf(logKey, text), lineOf(usMirror.at(cosigned), text)
	sig := func(name string, k noteKey, line string, ok bool) {
		s := Signature{name, k.vkey(), text, line, ok, 0}
		if ok && k.typ == 4 {
			s.Time = cosigned.Unix()
		}
		f.Signatures = append(f.Signatures, s)
	}
	sig("the log's", logKey, line, true)
	sig("a cosigner's", usMirror, cosig, true)
	sig("a changed signature", logKey, spoil(line, 30), false)
	sig("another key's id", logKey, spoil(line, 0), false)
	sig("another key", nextLogKey, line, false)
	sig("another name", logKey, strings.Replace(line, Origin, "example.com/log", 1), false)
	sig("a changed cosignature", usMirror, spoil(cosig, 40), false)
	sig("a changed time", usMirror, spoil(cosig, 11), false)
	asLog := usMirror
	asLog.typ = 1
	sig("a cosigner's that is dated by nothing", usMirror, lineOf(asLog, text), false)
	undated := base64.StdEncoding.EncodeToString(must(base64.StdEncoding.DecodeString(strings.Fields(cosig)[2]))[:12])
	sig("a cosignature that is cut short", usMirror, "— "+usMirror.name+" "+undated+"\n", false)

	own := lineOf(ownMirror.at(cosigned), text)
	later := lineOf(usMirror.at(cosigned.Add(time.Minute)), text)
	next := lineOf(nextLogKey, text)
	two := []noteKey{logKey, nextLogKey}
	slices.SortFunc(two, func(a, b noteKey) int { return int(int64(a.KeyHash()) - int64(b.KeyHash())) })
	byID := []string{lineOf(two[0], text), lineOf(two[1], text)}
	merge := func(name, checkpoint, merged string, more ...string) {
		f.Merges = append(f.Merges, Merge{name, checkpoint, more, merged})
	}
	base := text + "\n" + line
	merge("a cosignature", base, base+cosig, cosig)
	merge("the log's before cosigners'", text+"\n"+cosig, base+cosig, line)
	merge("cosigners by name", base, base+cosig+own, own, cosig)
	merge("several lines at once", base, base+cosig+own, own+cosig)
	merge("keys of one name by their id", base, text+"\n"+byID[0]+byID[1], next)
	merge("the later of two cosignatures", base+later, base+later, cosig)
	merge("the later of two cosignatures, given last", base+cosig, base+later, later)
	merge("a line that is there", base+cosig, base+cosig, cosig, line)
	merge("nothing", base, base)
	// Lines of keys that nobody has: whoever merges asks for no more than their form.
	var many []string
	for id := range byte(101) {
		many = append(many, "— w "+b64([]byte{0, 0, 0, id, 0})+"\n")
	}
	note100 := text + "\n" + strings.Join(many[:100], "")
	merge("to 100 lines", strings.TrimSuffix(note100, many[99]), note100, many[99])
	merge("to 101 lines", note100, "", many[100])
	merge("what is no line", base, "", "x\n")
	merge("a line without its end", base, "", strings.TrimSuffix(cosig, "\n"))
	merge("an empty line between", base, "", "\n"+cosig)
	merge("not strict base64", base, "", strings.Replace(cosig, "=\n", "\n", 1)+"\n")
	return f
}
