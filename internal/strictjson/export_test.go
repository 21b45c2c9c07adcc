package strictjson

// The two readings of a document, which FuzzUnmarshal compares.
var (
	Read     = read
	ReadSlow = unmarshal
)
