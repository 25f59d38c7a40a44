def test_nothing(request):
    assert request
