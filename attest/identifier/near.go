package identifier

// near returns the known schemes that are one typo away from name: a
// character missing, added, replaced, or swapped with its neighbour.
func near(name string) []string {
	var found []string
	for _, s := range schemes {
		if oneTypo(name, s.name) {
			found = append(found, s.name)
		}
	}
	return found
}

func oneTypo(a, b string) bool {
	if len(a) < len(b) {
		a, b = b, a
	}
	i := 0
	for i < len(b) && a[i] == b[i] {
		i++
	}
	a, b = a[i:], b[i:] // differ in the first character, or b is empty
	switch {
	case a == "":
		return false // equal
	case b == "" || a[1:] == b:
		return len(a) == len(b)+1
	case a[1:] == b[1:]:
		return true
	default:
		return len(a) == len(b) && len(a) > 1 && a[0] == b[1] && a[1] == b[0] && a[2:] == b[2:]
	}
}
