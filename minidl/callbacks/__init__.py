"""What may happen between the steps of training: callbacks, with Keras's names and defaults."""

from typing import TYPE_CHECKING

from minidl.callbacks.average_weights import AverageWeights
from minidl.callbacks.callback import Callback, Logs
from minidl.callbacks.csv_logger import CSVLogger
from minidl.callbacks.early_stopping import EarlyStopping
from minidl.callbacks.lambda_callback import LambdaCallback
from minidl.callbacks.learning_rate_scheduler import LearningRateScheduler
from minidl.callbacks.model_checkpoint import ModelCheckpoint
from minidl.callbacks.progress_bar import ProgressBar
from minidl.callbacks.tensorboard import TensorBoard
from minidl.callbacks.terminate_on_nan import TerminateOnNaN
from minidl.errors import missing_name

__all__ = [
    "AverageWeights",
    "CSVLogger",
    "Callback",
    "EarlyStopping",
    "LambdaCallback",
    "LearningRateScheduler",
    "Logs",
    "ModelCheckpoint",
    "ProgressBar",
    "TensorBoard",
    "TerminateOnNaN",
]


if not TYPE_CHECKING:

    def __getattr__(name):
        raise missing_name(__name__, name, __all__)
