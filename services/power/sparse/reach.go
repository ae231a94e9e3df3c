package sparse

// reach finds the pattern of a column by depth-first search through the columns
// of L done so far.
type reach struct {
	mark  []int32 // the last step that visited a row, plus one
	stack []int32
	next  []int32 // per level of the stack: where to go on in its column of L
	out   []int32
}

func newReach(n int) *reach {
	return &reach{mark: make([]int32, n), stack: make([]int32, n), next: make([]int32, n), out: make([]int32, n)}
}

// from returns the rows that can be reached from the given ones in step k, each
// after all rows that lead to it.
func (r *reach) from(f interface{ column(row int32) []int32 }, rows []int32, k int32) []int32 {
	top := len(r.out)
	for _, row := range rows {
		if r.mark[row] != k+1 {
			top = r.visit(f, row, k, top)
		}
	}
	return r.out[top:]
}

func (r *reach) visit(f interface{ column(row int32) []int32 }, root, k int32, top int) int {
	depth := 0
	r.stack[0], r.next[0] = root, 0
	r.mark[root] = k + 1
	for depth >= 0 {
		row := r.stack[depth]
		children := f.column(row)
		descended := false
		for i := r.next[depth]; int(i) < len(children); i++ {
			child := children[i]
			if r.mark[child] == k+1 {
				continue
			}
			r.mark[child] = k + 1
			r.next[depth] = i + 1
			depth++
			r.stack[depth], r.next[depth] = child, 0
			descended = true
			break
		}
		if !descended {
			depth--
			top--
			r.out[top] = row
		}
	}
	return top
}

// column returns the rows that row leads to: those of its column of L, none
// while it has no place.
func (f *LU[T]) column(row int32) []int32 {
	pos := f.position[row]
	if pos < 0 {
		return nil
	}
	return f.lRow[f.lCol[pos]:f.lCol[pos+1]]
}
