import minidl as ml


def test_a_graph_as_code(two_in_two_out):
    assert repr(two_in_two_out) == (
        "image = Input((3, 8, 8), name='image')\n"
        "angle = Input((4,), name='angle')\n"
        "conv2d = Conv2D(4, 3, padding=1)(image)\n"
        "relu = ReLU()(conv2d)\n"
        "max_pool2d = MaxPool2D(2)(relu)\n"
        "conv2d_1 = Conv2D(4, 3, padding=1)(max_pool2d)\n"
        "up_sample2d = UpSample2D()(conv2d_1)\n"
        "concatenate = Concatenate()(relu, up_sample2d)\n"
        "map = Conv2D(1, 1)(concatenate, name='map')\n"
        "flatten = Flatten()(map)\n"
        "concatenate_1 = Concatenate()(flatten, angle)\n"
        "scores = Dense(3)(concatenate_1, name='scores')\n"
        "Graph([image, angle], [map, scores], seed=0)"
    )


def test_code_pastes_back():
    shared = ml.Dense(3)
    a, b = ml.Input((3,), name="class"), ml.Input((3,), name="a-b")
    c = ml.Input((3,), name="a_b")
    graph = ml.Graph([a, b, c], {"y": shared(a) + shared(b) * c}, seed=1, dtype="float64")
    *lines, last = repr(graph).splitlines()
    names = dict(vars(ml))
    exec("\n".join(lines), names)
    again = eval(last, names)
    assert repr(again) == repr(graph)
    assert again.state_dict().keys() == graph.state_dict().keys()
    assert len(again.parameters()) == 2
    assert again.names_outputs
