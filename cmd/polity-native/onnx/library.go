// Package onnx runs networks with ONNX Runtime's shared library, loaded at run
// time and called without cgo.
//
// The library's C interface is one struct of function pointers, whose order is
// part of its binary contract: entries are only ever added at the end. The
// numbers below count them in onnxruntime_c_api.h.
package onnx

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"
)

// apiVersion is the version of the interface that is asked for: the oldest that
// has every entry used here, so that a newer library serves as well.
const apiVersion = 16

// Entries of struct OrtApi.
const (
	getErrorMessage           = 2
	createEnv                 = 3
	disableTelemetryEvents    = 6
	createSessionFromArray    = 8
	run                       = 9
	createSessionOptions      = 10
	disableMemPattern         = 17
	disableCPUMemArena        = 19
	setGraphOptimizationLevel = 23
	setIntraOpNumThreads      = 24
	setInterOpNumThreads      = 25
	createTensorWithData      = 49
	getTensorMutableData      = 51
	getDimensionsCount        = 61
	getDimensions             = 62
	getTensorTypeAndShape     = 65
	createCPUMemoryInfo       = 69
	releaseEnv                = 92
	releaseStatus             = 93
	releaseMemoryInfo         = 94
	releaseSession            = 95
	releaseValue              = 96
	releaseTypeAndShape       = 99
	releaseSessionOptions     = 100
	entries                   = 101
)

// Values of the C interface's enumerations.
const (
	logErrors       = 3  // ORT_LOGGING_LEVEL_ERROR
	optimizeAll     = 99 // ORT_ENABLE_ALL
	arenaAllocator  = 1  // OrtArenaAllocator
	memTypeDefault  = 0  // OrtMemTypeDefault
	elementUint8    = 2  // ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8
	longestCMessage = 4096
)

type (
	handle uintptr // a pointer to something of the library's own
	status uintptr // OrtStatus*; 0 is success
)

// Library is a loaded ONNX Runtime. It is never unloaded: its threads may outlive
// any handle.
type Library struct {
	message      func(status) *byte
	freeStatus   func(status)
	newEnv       func(level int32, name *byte, out *handle) status
	noTelemetry  func(env handle) status
	newSession   func(env handle, model *byte, size uintptr, options handle, out *handle) status
	run          func(session, options handle, inputNames **byte, inputs *handle, inputCount uintptr, outputNames **byte, outputCount uintptr, outputs *handle) status
	newOptions   func(out *handle) status
	noMemPattern func(options handle) status
	noArena      func(options handle) status
	optimization func(options handle, level int32) status
	intraThreads func(options handle, n int32) status
	interThreads func(options handle, n int32) status
	newTensor    func(memory handle, data *byte, size uintptr, shape *int64, rank uintptr, element int32, out *handle) status
	tensorData   func(value handle, out **float32) status
	rank         func(info handle, out *uintptr) status
	shape        func(info handle, out *int64, n uintptr) status
	typeAndShape func(value handle, out *handle) status
	newMemory    func(allocator, memType int32, out *handle) status

	freeEnv, freeMemory, freeSession, freeValue, freeShape, freeOptions func(handle)

	env, memory handle
}

// Open loads the shared library at path.
func Open(path string) (*Library, error) {
	lib, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("load ONNX Runtime: %w", err)
	}
	base, err := purego.Dlsym(lib, "OrtGetApiBase")
	if err != nil {
		return nil, fmt.Errorf("load ONNX Runtime: %s is another library: %w", path, err)
	}
	var apiBase func() *struct {
		getAPI  uintptr
		version uintptr
	}
	purego.RegisterFunc(&apiBase, base)
	var getAPI func(version uint32) *[entries]uintptr
	purego.RegisterFunc(&getAPI, apiBase().getAPI)
	table := getAPI(apiVersion)
	if table == nil {
		return nil, fmt.Errorf("load ONNX Runtime: %s does not offer version %d of its interface", path, apiVersion)
	}
	l := &Library{}
	l.register(table)
	return l, l.start()
}

func (l *Library) register(table *[entries]uintptr) {
	for entry, fn := range map[int]any{
		getErrorMessage: &l.message, releaseStatus: &l.freeStatus, createEnv: &l.newEnv, disableTelemetryEvents: &l.noTelemetry,
		createSessionFromArray: &l.newSession, run: &l.run, createSessionOptions: &l.newOptions,
		disableMemPattern: &l.noMemPattern, disableCPUMemArena: &l.noArena, setGraphOptimizationLevel: &l.optimization,
		setIntraOpNumThreads: &l.intraThreads, setInterOpNumThreads: &l.interThreads,
		createTensorWithData: &l.newTensor, getTensorMutableData: &l.tensorData, getTensorTypeAndShape: &l.typeAndShape,
		getDimensionsCount: &l.rank, getDimensions: &l.shape, createCPUMemoryInfo: &l.newMemory,
		releaseEnv: &l.freeEnv, releaseMemoryInfo: &l.freeMemory, releaseSession: &l.freeSession,
		releaseValue: &l.freeValue, releaseTypeAndShape: &l.freeShape, releaseSessionOptions: &l.freeOptions,
	} {
		purego.RegisterFunc(fn, table[entry])
	}
}

func (l *Library) start() error {
	name := cString("polity")
	if err := l.check(l.newEnv(logErrors, name, &l.env)); err != nil {
		return fmt.Errorf("start ONNX Runtime: %w", err)
	}
	runtime.KeepAlive(name)
	err := errors.Join(l.check(l.noTelemetry(l.env)), l.check(l.newMemory(arenaAllocator, memTypeDefault, &l.memory)))
	if err != nil {
		return fmt.Errorf("start ONNX Runtime: %w", err)
	}
	return nil
}

// check turns a status into an error and frees it.
func (l *Library) check(s status) error {
	if s == 0 {
		return nil
	}
	defer l.freeStatus(s)
	return errors.New(goString(l.message(s)))
}

func cString(s string) *byte {
	b := append([]byte(s), 0)
	return &b[0]
}

func goString(p *byte) string {
	var b strings.Builder
	for ; p != nil && *p != 0 && b.Len() < longestCMessage; p = (*byte)(unsafe.Add(unsafe.Pointer(p), 1)) { //nolint:gosec // a C string ends with 0
		b.WriteByte(*p)
	}
	return b.String()
}
