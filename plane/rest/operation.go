package rest

// Operation is one of the API, as people read it.
type Operation struct {
	Method, Path string
	About        string
	Writes       bool
	Media        []string
	Parameters   []Parameter
}

// Parameter is one of an operation.
type Parameter struct {
	Name, About, Example string
	Needed               bool
	Words                []string // it is one of these
}

// Operations lists the API in the order of its table.
func Operations() []Operation {
	list := make([]Operation, 0, len(routes))
	for i := range routes {
		rt := &routes[i]
		o := Operation{Method: rt.method, Path: Root + rt.path, About: rt.about, Writes: rt.writes, Media: rt.media}
		for _, p := range rt.parameters {
			o.Parameters = append(o.Parameters, Parameter{p.name, p.about, p.example, p.needed, p.words})
		}
		list = append(list, o)
	}
	return list
}
